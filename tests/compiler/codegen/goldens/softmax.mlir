// softmax
module {
  func.func private @softmax_kernel(
      %x: memref<700xf32> {llvm.noalias},
      %out: memref<700xf32> {llvm.noalias},
      %core: i64) {
    %exp_nonpositive_0 = memref.alloca() {alignment = 64 : i64} : memref<70xf32>
    %c = arith.constant 0 : i64
    %c_2 = arith.constant 3 : i64
    %c_3 = arith.constant -3 : i64
    %v7 = arith.muli %core, %c_3 : i64
    %c_4 = arith.constant 10 : i64
    %v9 = arith.addi %v7, %c_4 : i64
    %v10 = arith.cmpi slt, %c_2, %v9 : i64
    %v11 = arith.select %v10, %c_2, %v9 : i64
    %cst = arith.constant dense<0xFF800000> : vector<16xf32>
    %c_5 = arith.constant 210 : i64
    %v14 = arith.muli %core, %c_5 : i64
    %c_6 = arith.constant 70 : i64
    %c_7 = arith.constant 16 : i64
    %c_8 = arith.constant 32 : i64
    %c_9 = arith.constant 48 : i64
    %c_10 = arith.constant 6 : i64
    %c_11 = arith.constant 64 : i64
    %v21 = arith.trunci %c_10 : i64 to i32
    %v22 = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]> : vector<16xi32>
    %v23 = vector.broadcast %v21 : i32 to vector<16xi32>
    %v24 = arith.cmpi slt, %v22, %v23 : vector<16xi32>
    %cst_2 = arith.constant dense<0.0> : vector<16xf32>
    %cst_3 = arith.constant dense<-104.0> : vector<16xf32>
    %cst_4 = arith.constant dense<1.442695> : vector<16xf32>
    %cst_5 = arith.constant dense<1.2582912e+07> : vector<16xf32>
    %cst_6 = arith.constant dense<-0.6933594> : vector<16xf32>
    %cst_7 = arith.constant dense<0.00021219444> : vector<16xf32>
    %cst_8 = arith.constant dense<0.00019875691> : vector<16xf32>
    %cst_9 = arith.constant dense<0.0013981999> : vector<16xf32>
    %cst_10 = arith.constant dense<0.008333452> : vector<16xf32>
    %cst_11 = arith.constant dense<0.041665796> : vector<16xf32>
    %cst_12 = arith.constant dense<0.16666666> : vector<16xf32>
    %cst_13 = arith.constant dense<0.5> : vector<16xf32>
    %cst_14 = arith.constant dense<1.0> : vector<16xf32>
    %c_12 = arith.constant dense<1262485353> : vector<16xi32>
    %c_13 = arith.constant dense<23> : vector<16xi32>
    %cst_15 = arith.constant dense<5.9604645e-08> : vector<16xf32>
    %c1 = arith.constant 1 : i64
    scf.for %i = %c to %v11 step %c1 : i64 {
      %v43 = arith.muli %i, %c_6 : i64
      %v44 = arith.addi %v14, %v43 : i64
      %at = arith.index_cast %v44 : i64 to index
      %v46 = vector.load %x[%at] : memref<700xf32>, vector<16xf32>
      %v47 = arith.cmpf ogt, %cst, %v46 : vector<16xf32>
      %v48 = arith.select %v47, %cst, %v46 : vector<16xi1>, vector<16xf32>
      %v49 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v50 = arith.select %v49, %cst, %v48 : vector<16xi1>, vector<16xf32>
      %v51 = arith.addi %v44, %c_7 : i64
      %at_2 = arith.index_cast %v51 : i64 to index
      %v53 = vector.load %x[%at_2] : memref<700xf32>, vector<16xf32>
      %v54 = arith.cmpf ogt, %cst, %v53 : vector<16xf32>
      %v55 = arith.select %v54, %cst, %v53 : vector<16xi1>, vector<16xf32>
      %v56 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v57 = arith.select %v56, %cst, %v55 : vector<16xi1>, vector<16xf32>
      %v58 = arith.addi %v44, %c_8 : i64
      %at_3 = arith.index_cast %v58 : i64 to index
      %v60 = vector.load %x[%at_3] : memref<700xf32>, vector<16xf32>
      %v61 = arith.cmpf ogt, %cst, %v60 : vector<16xf32>
      %v62 = arith.select %v61, %cst, %v60 : vector<16xi1>, vector<16xf32>
      %v63 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v64 = arith.select %v63, %cst, %v62 : vector<16xi1>, vector<16xf32>
      %v65 = arith.addi %v44, %c_9 : i64
      %at_4 = arith.index_cast %v65 : i64 to index
      %v67 = vector.load %x[%at_4] : memref<700xf32>, vector<16xf32>
      %v68 = arith.cmpf ogt, %cst, %v67 : vector<16xf32>
      %v69 = arith.select %v68, %cst, %v67 : vector<16xi1>, vector<16xf32>
      %v70 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v71 = arith.select %v70, %cst, %v69 : vector<16xi1>, vector<16xf32>
      %v72 = arith.addi %v44, %c_11 : i64
      %at_5 = arith.index_cast %v72 : i64 to index
      %at_6 = arith.index_cast %c_10 : i64 to index
      %mask = vector.create_mask %at_6 : vector<16xi1>
      %zero = arith.constant dense<0.0> : vector<16xf32>
      %v77 = vector.maskedload %x[%at_5], %mask, %zero : memref<700xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v78 = arith.select %v24, %v77, %cst : vector<16xi1>, vector<16xf32>
      %v79 = arith.cmpf ogt, %v50, %v78 : vector<16xf32>
      %v80 = arith.select %v79, %v50, %v78 : vector<16xi1>, vector<16xf32>
      %v81 = arith.cmpf une, %v50, %v50 : vector<16xf32>
      %v82 = arith.select %v81, %v50, %v80 : vector<16xi1>, vector<16xf32>
      %v83 = arith.cmpf ogt, %v82, %v57 : vector<16xf32>
      %v84 = arith.select %v83, %v82, %v57 : vector<16xi1>, vector<16xf32>
      %v85 = arith.cmpf une, %v82, %v82 : vector<16xf32>
      %v86 = arith.select %v85, %v82, %v84 : vector<16xi1>, vector<16xf32>
      %v87 = arith.cmpf ogt, %v64, %v71 : vector<16xf32>
      %v88 = arith.select %v87, %v64, %v71 : vector<16xi1>, vector<16xf32>
      %v89 = arith.cmpf une, %v64, %v64 : vector<16xf32>
      %v90 = arith.select %v89, %v64, %v88 : vector<16xi1>, vector<16xf32>
      %v91 = arith.cmpf ogt, %v86, %v90 : vector<16xf32>
      %v92 = arith.select %v91, %v86, %v90 : vector<16xi1>, vector<16xf32>
      %v93 = arith.cmpf une, %v86, %v86 : vector<16xf32>
      %v94 = arith.select %v93, %v86, %v92 : vector<16xi1>, vector<16xf32>
      %v95 = vector.extract_strided_slice %v94 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v96 = vector.extract_strided_slice %v94 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v97 = arith.cmpf ogt, %v95, %v96 : vector<8xf32>
      %v98 = arith.select %v97, %v95, %v96 : vector<8xi1>, vector<8xf32>
      %v99 = arith.cmpf une, %v95, %v95 : vector<8xf32>
      %v100 = arith.select %v99, %v95, %v98 : vector<8xi1>, vector<8xf32>
      %v101 = vector.extract_strided_slice %v100 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v102 = vector.extract_strided_slice %v100 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v103 = arith.cmpf ogt, %v101, %v102 : vector<4xf32>
      %v104 = arith.select %v103, %v101, %v102 : vector<4xi1>, vector<4xf32>
      %v105 = arith.cmpf une, %v101, %v101 : vector<4xf32>
      %v106 = arith.select %v105, %v101, %v104 : vector<4xi1>, vector<4xf32>
      %v107 = vector.extract %v106[0] : f32 from vector<4xf32>
      %v108 = vector.extract %v106[1] : f32 from vector<4xf32>
      %v109 = vector.extract %v106[2] : f32 from vector<4xf32>
      %v110 = vector.extract %v106[3] : f32 from vector<4xf32>
      %v111 = arith.cmpf ogt, %v107, %v109 : f32
      %v112 = arith.select %v111, %v107, %v109 : f32
      %v113 = arith.cmpf une, %v107, %v107 : f32
      %v114 = arith.select %v113, %v107, %v112 : f32
      %v115 = arith.cmpf ogt, %v108, %v110 : f32
      %v116 = arith.select %v115, %v108, %v110 : f32
      %v117 = arith.cmpf une, %v108, %v108 : f32
      %v118 = arith.select %v117, %v108, %v116 : f32
      %v119 = arith.cmpf ogt, %v114, %v118 : f32
      %v120 = arith.select %v119, %v114, %v118 : f32
      %v121 = arith.cmpf une, %v114, %v114 : f32
      %v122 = arith.select %v121, %v114, %v120 : f32
      %v123 = vector.broadcast %v122 : f32 to vector<16xf32>
      %c32 = arith.constant 32 : i64
      %carried:2 = scf.for %i_2 = %c to %c_11 step %c32 iter_args(%v126 = %cst_2, %v127 = %cst_2) -> (vector<16xf32>, vector<16xf32>) : i64 {
        %v129 = arith.addi %v44, %i_2 : i64
        %at_7 = arith.index_cast %v129 : i64 to index
        %v131 = vector.load %x[%at_7] : memref<700xf32>, vector<16xf32>
        %v132 = arith.subf %v131, %v123 fastmath<contract> : vector<16xf32>
        %v133 = arith.cmpf olt, %v132, %cst_3 : vector<16xf32>
        %v134 = arith.select %v133, %cst_3, %v132 : vector<16xi1>, vector<16xf32>
        %v135 = math.fma %v134, %cst_4, %cst_5 : vector<16xf32>
        %v136 = arith.subf %v135, %cst_5 fastmath<contract> : vector<16xf32>
        %v137 = math.fma %v136, %cst_6, %v134 : vector<16xf32>
        %v138 = math.fma %v136, %cst_7, %v137 : vector<16xf32>
        %v139 = arith.bitcast %v135 : vector<16xf32> to vector<16xi32>
        %v140 = math.fma %cst_8, %v138, %cst_9 : vector<16xf32>
        %v141 = math.fma %v140, %v138, %cst_10 : vector<16xf32>
        %v142 = math.fma %v141, %v138, %cst_11 : vector<16xf32>
        %v143 = math.fma %v142, %v138, %cst_12 : vector<16xf32>
        %v144 = math.fma %v143, %v138, %cst_13 : vector<16xf32>
        %v145 = arith.mulf %v138, %v138 fastmath<contract> : vector<16xf32>
        %v146 = math.fma %v144, %v145, %v138 : vector<16xf32>
        %v147 = arith.addf %v146, %cst_14 fastmath<contract> : vector<16xf32>
        %v148 = arith.subi %v139, %c_12 : vector<16xi32>
        %v149 = arith.shli %v148, %c_13 : vector<16xi32>
        %v150 = arith.bitcast %v149 : vector<16xi32> to vector<16xf32>
        %v151 = arith.mulf %v147, %v150 fastmath<contract> : vector<16xf32>
        %v152 = arith.mulf %v151, %cst_15 fastmath<contract> : vector<16xf32>
        %at_8 = arith.index_cast %i_2 : i64 to index
        vector.store %v152, %exp_nonpositive_0[%at_8] : memref<70xf32>, vector<16xf32>
        %v154 = arith.addf %v126, %v152 fastmath<contract> : vector<16xf32>
        %v155 = arith.addi %v129, %c_7 : i64
        %at_9 = arith.index_cast %v155 : i64 to index
        %v157 = vector.load %x[%at_9] : memref<700xf32>, vector<16xf32>
        %v158 = arith.subf %v157, %v123 fastmath<contract> : vector<16xf32>
        %v159 = arith.cmpf olt, %v158, %cst_3 : vector<16xf32>
        %v160 = arith.select %v159, %cst_3, %v158 : vector<16xi1>, vector<16xf32>
        %v161 = math.fma %v160, %cst_4, %cst_5 : vector<16xf32>
        %v162 = arith.subf %v161, %cst_5 fastmath<contract> : vector<16xf32>
        %v163 = math.fma %v162, %cst_6, %v160 : vector<16xf32>
        %v164 = math.fma %v162, %cst_7, %v163 : vector<16xf32>
        %v165 = arith.bitcast %v161 : vector<16xf32> to vector<16xi32>
        %v166 = math.fma %cst_8, %v164, %cst_9 : vector<16xf32>
        %v167 = math.fma %v166, %v164, %cst_10 : vector<16xf32>
        %v168 = math.fma %v167, %v164, %cst_11 : vector<16xf32>
        %v169 = math.fma %v168, %v164, %cst_12 : vector<16xf32>
        %v170 = math.fma %v169, %v164, %cst_13 : vector<16xf32>
        %v171 = arith.mulf %v164, %v164 fastmath<contract> : vector<16xf32>
        %v172 = math.fma %v170, %v171, %v164 : vector<16xf32>
        %v173 = arith.addf %v172, %cst_14 fastmath<contract> : vector<16xf32>
        %v174 = arith.subi %v165, %c_12 : vector<16xi32>
        %v175 = arith.shli %v174, %c_13 : vector<16xi32>
        %v176 = arith.bitcast %v175 : vector<16xi32> to vector<16xf32>
        %v177 = arith.mulf %v173, %v176 fastmath<contract> : vector<16xf32>
        %v178 = arith.mulf %v177, %cst_15 fastmath<contract> : vector<16xf32>
        %v179 = arith.addi %i_2, %c_7 : i64
        %at_10 = arith.index_cast %v179 : i64 to index
        vector.store %v178, %exp_nonpositive_0[%at_10] : memref<70xf32>, vector<16xf32>
        %v181 = arith.addf %v127, %v178 fastmath<contract> : vector<16xf32>
        scf.yield %v154, %v181 : vector<16xf32>, vector<16xf32>
      }
      %at_11 = arith.index_cast %v72 : i64 to index
      %at_12 = arith.index_cast %c_10 : i64 to index
      %mask_2 = vector.create_mask %at_12 : vector<16xi1>
      %zero_2 = arith.constant dense<0.0> : vector<16xf32>
      %v186 = vector.maskedload %x[%at_11], %mask_2, %zero_2 : memref<700xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v187 = arith.subf %v186, %v123 fastmath<contract> : vector<16xf32>
      %v188 = arith.cmpf olt, %v187, %cst_3 : vector<16xf32>
      %v189 = arith.select %v188, %cst_3, %v187 : vector<16xi1>, vector<16xf32>
      %v190 = math.fma %v189, %cst_4, %cst_5 : vector<16xf32>
      %v191 = arith.subf %v190, %cst_5 fastmath<contract> : vector<16xf32>
      %v192 = math.fma %v191, %cst_6, %v189 : vector<16xf32>
      %v193 = math.fma %v191, %cst_7, %v192 : vector<16xf32>
      %v194 = arith.bitcast %v190 : vector<16xf32> to vector<16xi32>
      %v195 = math.fma %cst_8, %v193, %cst_9 : vector<16xf32>
      %v196 = math.fma %v195, %v193, %cst_10 : vector<16xf32>
      %v197 = math.fma %v196, %v193, %cst_11 : vector<16xf32>
      %v198 = math.fma %v197, %v193, %cst_12 : vector<16xf32>
      %v199 = math.fma %v198, %v193, %cst_13 : vector<16xf32>
      %v200 = arith.mulf %v193, %v193 fastmath<contract> : vector<16xf32>
      %v201 = math.fma %v199, %v200, %v193 : vector<16xf32>
      %v202 = arith.addf %v201, %cst_14 fastmath<contract> : vector<16xf32>
      %v203 = arith.subi %v194, %c_12 : vector<16xi32>
      %v204 = arith.shli %v203, %c_13 : vector<16xi32>
      %v205 = arith.bitcast %v204 : vector<16xi32> to vector<16xf32>
      %v206 = arith.mulf %v202, %v205 fastmath<contract> : vector<16xf32>
      %v207 = arith.mulf %v206, %cst_15 fastmath<contract> : vector<16xf32>
      %at_13 = arith.index_cast %c_11 : i64 to index
      %at_14 = arith.index_cast %c_10 : i64 to index
      %mask_3 = vector.create_mask %at_14 : vector<16xi1>
      vector.maskedstore %exp_nonpositive_0[%at_13], %mask_3, %v207 : memref<70xf32>, vector<16xi1>, vector<16xf32>
      %v211 = arith.select %v24, %v207, %cst_2 : vector<16xi1>, vector<16xf32>
      %v212 = arith.addf %carried#0, %v211 fastmath<contract> : vector<16xf32>
      %v213 = arith.addf %v212, %carried#1 fastmath<contract> : vector<16xf32>
      %v214 = vector.extract_strided_slice %v213 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v215 = vector.extract_strided_slice %v213 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v216 = arith.addf %v214, %v215 fastmath<contract> : vector<8xf32>
      %v217 = vector.extract_strided_slice %v216 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v218 = vector.extract_strided_slice %v216 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v219 = arith.addf %v217, %v218 fastmath<contract> : vector<4xf32>
      %v220 = vector.extract %v219[0] : f32 from vector<4xf32>
      %v221 = vector.extract %v219[1] : f32 from vector<4xf32>
      %v222 = vector.extract %v219[2] : f32 from vector<4xf32>
      %v223 = vector.extract %v219[3] : f32 from vector<4xf32>
      %v224 = arith.addf %v220, %v222 fastmath<contract> : f32
      %v225 = arith.addf %v221, %v223 fastmath<contract> : f32
      %v226 = arith.addf %v224, %v225 fastmath<contract> : f32
      %at_15 = arith.index_cast %c : i64 to index
      %v228 = vector.load %exp_nonpositive_0[%at_15] : memref<70xf32>, vector<16xf32>
      %v229 = vector.broadcast %v226 : f32 to vector<16xf32>
      %v230 = arith.divf %v228, %v229 : vector<16xf32>
      %at_16 = arith.index_cast %v44 : i64 to index
      vector.store %v230, %out[%at_16] : memref<700xf32>, vector<16xf32>
      %at_17 = arith.index_cast %c_7 : i64 to index
      %v233 = vector.load %exp_nonpositive_0[%at_17] : memref<70xf32>, vector<16xf32>
      %v234 = arith.divf %v233, %v229 : vector<16xf32>
      %at_18 = arith.index_cast %v51 : i64 to index
      vector.store %v234, %out[%at_18] : memref<700xf32>, vector<16xf32>
      %at_19 = arith.index_cast %c_8 : i64 to index
      %v237 = vector.load %exp_nonpositive_0[%at_19] : memref<70xf32>, vector<16xf32>
      %v238 = arith.divf %v237, %v229 : vector<16xf32>
      %at_20 = arith.index_cast %v58 : i64 to index
      vector.store %v238, %out[%at_20] : memref<700xf32>, vector<16xf32>
      %at_21 = arith.index_cast %c_9 : i64 to index
      %v241 = vector.load %exp_nonpositive_0[%at_21] : memref<70xf32>, vector<16xf32>
      %v242 = arith.divf %v241, %v229 : vector<16xf32>
      %at_22 = arith.index_cast %v65 : i64 to index
      vector.store %v242, %out[%at_22] : memref<700xf32>, vector<16xf32>
      %at_23 = arith.index_cast %c_11 : i64 to index
      %at_24 = arith.index_cast %c_10 : i64 to index
      %mask_4 = vector.create_mask %at_24 : vector<16xi1>
      %zero_3 = arith.constant dense<0.0> : vector<16xf32>
      %v248 = vector.maskedload %exp_nonpositive_0[%at_23], %mask_4, %zero_3 : memref<70xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v249 = arith.divf %v248, %v229 : vector<16xf32>
      %at_25 = arith.index_cast %v72 : i64 to index
      %at_26 = arith.index_cast %c_10 : i64 to index
      %mask_5 = vector.create_mask %at_26 : vector<16xi1>
      vector.maskedstore %out[%at_25], %mask_5, %v249 : memref<700xf32>, vector<16xi1>, vector<16xf32>
    }
    return
  }

  func.func @launch_softmax(%buffers: !llvm.ptr) -> i32 {
    %c1 = arith.constant 1 : i64
    %data2 = llvm.alloca %c1 x !llvm.array<2 x ptr> : (i64) -> !llvm.ptr
    %at3 = llvm.getelementptr %buffers[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p4 = llvm.load %at3 : !llvm.ptr -> !llvm.ptr
    %at5 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %p4, %at5 : !llvm.ptr, !llvm.ptr
    %at6 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p7 = llvm.load %at6 : !llvm.ptr -> !llvm.ptr
    %at8 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    llvm.store %p7, %at8 : !llvm.ptr, !llvm.ptr
    %thread9 = arith.constant 0 : i64
    %at10 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p11 = llvm.load %at10 : !llvm.ptr -> !llvm.ptr
    %d12 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d13 = llvm.insertvalue %p11, %d12[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d14 = llvm.insertvalue %p11, %d13[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m15 = builtin.unrealized_conversion_cast %d14 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<700xf32>
    %at16 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p17 = llvm.load %at16 : !llvm.ptr -> !llvm.ptr
    %d18 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d19 = llvm.insertvalue %p17, %d18[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d20 = llvm.insertvalue %p17, %d19[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m21 = builtin.unrealized_conversion_cast %d20 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<700xf32>
    %c22 = arith.constant 1 : i64
    %cores23 = arith.constant 4 : i64
    scf.for %core23 = %thread9 to %cores23 step %c22 : i64 {
      func.call @softmax_kernel(%m15, %m21, %core23) : (memref<700xf32>, memref<700xf32>, i64) -> ()
    }
    %ok = arith.constant 0 : i32
    return %ok : i32
  }
}
