// Row softmax.
module {
  llvm.func @GOMP_parallel(!llvm.ptr, !llvm.ptr, i32, i32)
  llvm.func @omp_get_thread_num() -> i32
  llvm.func @omp_get_num_threads() -> i32
  llvm.func @omp_get_max_threads() -> i32

  func.func private @softmax_kernel(
      %x: memref<700xf16> {llvm.noalias},
      %out: memref<700xf16> {llvm.noalias},
      %core: i64) {
    %exp_nonpositive_0 = memref.alloca() {alignment = 64 : i64} : memref<70xf32>
    %c = arith.constant 0 : i64
    %c_2 = arith.constant -3 : i64
    %v6 = arith.muli %core, %c_2 : i64
    %c_3 = arith.constant 10 : i64
    %v8 = arith.addi %v6, %c_3 : i64
    %c_4 = arith.constant 3 : i64
    %v10 = arith.cmpi slt, %v8, %c_4 : i64
    %v11 = arith.select %v10, %v8, %c_4 : i64
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
      %v46 = vector.load %x[%at] : memref<700xf16>, vector<16xf16>
      %v47 = arith.extf %v46 : vector<16xf16> to vector<16xf32>
      %v48 = arith.cmpf ogt, %cst, %v47 : vector<16xf32>
      %v49 = arith.select %v48, %cst, %v47 : vector<16xi1>, vector<16xf32>
      %v50 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v51 = arith.select %v50, %cst, %v49 : vector<16xi1>, vector<16xf32>
      %v52 = arith.addi %v44, %c_7 : i64
      %at_2 = arith.index_cast %v52 : i64 to index
      %v54 = vector.load %x[%at_2] : memref<700xf16>, vector<16xf16>
      %v55 = arith.extf %v54 : vector<16xf16> to vector<16xf32>
      %v56 = arith.cmpf ogt, %cst, %v55 : vector<16xf32>
      %v57 = arith.select %v56, %cst, %v55 : vector<16xi1>, vector<16xf32>
      %v58 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v59 = arith.select %v58, %cst, %v57 : vector<16xi1>, vector<16xf32>
      %v60 = arith.addi %v44, %c_8 : i64
      %at_3 = arith.index_cast %v60 : i64 to index
      %v62 = vector.load %x[%at_3] : memref<700xf16>, vector<16xf16>
      %v63 = arith.extf %v62 : vector<16xf16> to vector<16xf32>
      %v64 = arith.cmpf ogt, %cst, %v63 : vector<16xf32>
      %v65 = arith.select %v64, %cst, %v63 : vector<16xi1>, vector<16xf32>
      %v66 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v67 = arith.select %v66, %cst, %v65 : vector<16xi1>, vector<16xf32>
      %v68 = arith.addi %v44, %c_9 : i64
      %at_4 = arith.index_cast %v68 : i64 to index
      %v70 = vector.load %x[%at_4] : memref<700xf16>, vector<16xf16>
      %v71 = arith.extf %v70 : vector<16xf16> to vector<16xf32>
      %v72 = arith.cmpf ogt, %cst, %v71 : vector<16xf32>
      %v73 = arith.select %v72, %cst, %v71 : vector<16xi1>, vector<16xf32>
      %v74 = arith.cmpf une, %cst, %cst : vector<16xf32>
      %v75 = arith.select %v74, %cst, %v73 : vector<16xi1>, vector<16xf32>
      %v76 = arith.addi %v44, %c_11 : i64
      %at_5 = arith.index_cast %v76 : i64 to index
      %at_6 = arith.index_cast %c_10 : i64 to index
      %mask = vector.create_mask %at_6 : vector<16xi1>
      %zero = arith.constant dense<0.0> : vector<16xf16>
      %v81 = vector.maskedload %x[%at_5], %mask, %zero : memref<700xf16>, vector<16xi1>, vector<16xf16> into vector<16xf16>
      %v82 = arith.extf %v81 : vector<16xf16> to vector<16xf32>
      %v83 = arith.select %v24, %v82, %cst : vector<16xi1>, vector<16xf32>
      %v84 = arith.cmpf ogt, %v51, %v83 : vector<16xf32>
      %v85 = arith.select %v84, %v51, %v83 : vector<16xi1>, vector<16xf32>
      %v86 = arith.cmpf une, %v51, %v51 : vector<16xf32>
      %v87 = arith.select %v86, %v51, %v85 : vector<16xi1>, vector<16xf32>
      %v88 = arith.cmpf ogt, %v87, %v59 : vector<16xf32>
      %v89 = arith.select %v88, %v87, %v59 : vector<16xi1>, vector<16xf32>
      %v90 = arith.cmpf une, %v87, %v87 : vector<16xf32>
      %v91 = arith.select %v90, %v87, %v89 : vector<16xi1>, vector<16xf32>
      %v92 = arith.cmpf ogt, %v67, %v75 : vector<16xf32>
      %v93 = arith.select %v92, %v67, %v75 : vector<16xi1>, vector<16xf32>
      %v94 = arith.cmpf une, %v67, %v67 : vector<16xf32>
      %v95 = arith.select %v94, %v67, %v93 : vector<16xi1>, vector<16xf32>
      %v96 = arith.cmpf ogt, %v91, %v95 : vector<16xf32>
      %v97 = arith.select %v96, %v91, %v95 : vector<16xi1>, vector<16xf32>
      %v98 = arith.cmpf une, %v91, %v91 : vector<16xf32>
      %v99 = arith.select %v98, %v91, %v97 : vector<16xi1>, vector<16xf32>
      %v100 = vector.extract_strided_slice %v99 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v101 = vector.extract_strided_slice %v99 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v102 = arith.cmpf ogt, %v100, %v101 : vector<8xf32>
      %v103 = arith.select %v102, %v100, %v101 : vector<8xi1>, vector<8xf32>
      %v104 = arith.cmpf une, %v100, %v100 : vector<8xf32>
      %v105 = arith.select %v104, %v100, %v103 : vector<8xi1>, vector<8xf32>
      %v106 = vector.extract_strided_slice %v105 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v107 = vector.extract_strided_slice %v105 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v108 = arith.cmpf ogt, %v106, %v107 : vector<4xf32>
      %v109 = arith.select %v108, %v106, %v107 : vector<4xi1>, vector<4xf32>
      %v110 = arith.cmpf une, %v106, %v106 : vector<4xf32>
      %v111 = arith.select %v110, %v106, %v109 : vector<4xi1>, vector<4xf32>
      %v112 = vector.extract %v111[0] : f32 from vector<4xf32>
      %v113 = vector.extract %v111[1] : f32 from vector<4xf32>
      %v114 = vector.extract %v111[2] : f32 from vector<4xf32>
      %v115 = vector.extract %v111[3] : f32 from vector<4xf32>
      %v116 = arith.cmpf ogt, %v112, %v114 : f32
      %v117 = arith.select %v116, %v112, %v114 : f32
      %v118 = arith.cmpf une, %v112, %v112 : f32
      %v119 = arith.select %v118, %v112, %v117 : f32
      %v120 = arith.cmpf ogt, %v113, %v115 : f32
      %v121 = arith.select %v120, %v113, %v115 : f32
      %v122 = arith.cmpf une, %v113, %v113 : f32
      %v123 = arith.select %v122, %v113, %v121 : f32
      %v124 = arith.cmpf ogt, %v119, %v123 : f32
      %v125 = arith.select %v124, %v119, %v123 : f32
      %v126 = arith.cmpf une, %v119, %v119 : f32
      %v127 = arith.select %v126, %v119, %v125 : f32
      %v128 = vector.broadcast %v127 : f32 to vector<16xf32>
      %c32 = arith.constant 32 : i64
      %carried:2 = scf.for %i_2 = %c to %c_11 step %c32 iter_args(%v131 = %cst_2, %v132 = %cst_2) -> (vector<16xf32>, vector<16xf32>) : i64 {
        %v134 = arith.addi %v44, %i_2 : i64
        %at_7 = arith.index_cast %v134 : i64 to index
        %v136 = vector.load %x[%at_7] : memref<700xf16>, vector<16xf16>
        %v137 = arith.extf %v136 : vector<16xf16> to vector<16xf32>
        %v138 = arith.subf %v137, %v128 fastmath<contract> : vector<16xf32>
        %v139 = arith.cmpf olt, %v138, %cst_3 : vector<16xf32>
        %v140 = arith.select %v139, %cst_3, %v138 : vector<16xi1>, vector<16xf32>
        %v141 = math.fma %v140, %cst_4, %cst_5 : vector<16xf32>
        %v142 = arith.subf %v141, %cst_5 fastmath<contract> : vector<16xf32>
        %v143 = math.fma %v142, %cst_6, %v140 : vector<16xf32>
        %v144 = math.fma %v142, %cst_7, %v143 : vector<16xf32>
        %v145 = arith.bitcast %v141 : vector<16xf32> to vector<16xi32>
        %v146 = math.fma %cst_8, %v144, %cst_9 : vector<16xf32>
        %v147 = math.fma %v146, %v144, %cst_10 : vector<16xf32>
        %v148 = math.fma %v147, %v144, %cst_11 : vector<16xf32>
        %v149 = math.fma %v148, %v144, %cst_12 : vector<16xf32>
        %v150 = math.fma %v149, %v144, %cst_13 : vector<16xf32>
        %v151 = arith.mulf %v144, %v144 fastmath<contract> : vector<16xf32>
        %v152 = math.fma %v150, %v151, %v144 : vector<16xf32>
        %v153 = arith.addf %v152, %cst_14 fastmath<contract> : vector<16xf32>
        %v154 = arith.subi %v145, %c_12 : vector<16xi32>
        %v155 = arith.shli %v154, %c_13 : vector<16xi32>
        %v156 = arith.bitcast %v155 : vector<16xi32> to vector<16xf32>
        %v157 = arith.mulf %v153, %v156 fastmath<contract> : vector<16xf32>
        %v158 = arith.mulf %v157, %cst_15 fastmath<contract> : vector<16xf32>
        %at_8 = arith.index_cast %i_2 : i64 to index
        vector.store %v158, %exp_nonpositive_0[%at_8] : memref<70xf32>, vector<16xf32>
        %v160 = arith.addf %v131, %v158 fastmath<contract> : vector<16xf32>
        %v161 = arith.addi %v134, %c_7 : i64
        %at_9 = arith.index_cast %v161 : i64 to index
        %v163 = vector.load %x[%at_9] : memref<700xf16>, vector<16xf16>
        %v164 = arith.extf %v163 : vector<16xf16> to vector<16xf32>
        %v165 = arith.subf %v164, %v128 fastmath<contract> : vector<16xf32>
        %v166 = arith.cmpf olt, %v165, %cst_3 : vector<16xf32>
        %v167 = arith.select %v166, %cst_3, %v165 : vector<16xi1>, vector<16xf32>
        %v168 = math.fma %v167, %cst_4, %cst_5 : vector<16xf32>
        %v169 = arith.subf %v168, %cst_5 fastmath<contract> : vector<16xf32>
        %v170 = math.fma %v169, %cst_6, %v167 : vector<16xf32>
        %v171 = math.fma %v169, %cst_7, %v170 : vector<16xf32>
        %v172 = arith.bitcast %v168 : vector<16xf32> to vector<16xi32>
        %v173 = math.fma %cst_8, %v171, %cst_9 : vector<16xf32>
        %v174 = math.fma %v173, %v171, %cst_10 : vector<16xf32>
        %v175 = math.fma %v174, %v171, %cst_11 : vector<16xf32>
        %v176 = math.fma %v175, %v171, %cst_12 : vector<16xf32>
        %v177 = math.fma %v176, %v171, %cst_13 : vector<16xf32>
        %v178 = arith.mulf %v171, %v171 fastmath<contract> : vector<16xf32>
        %v179 = math.fma %v177, %v178, %v171 : vector<16xf32>
        %v180 = arith.addf %v179, %cst_14 fastmath<contract> : vector<16xf32>
        %v181 = arith.subi %v172, %c_12 : vector<16xi32>
        %v182 = arith.shli %v181, %c_13 : vector<16xi32>
        %v183 = arith.bitcast %v182 : vector<16xi32> to vector<16xf32>
        %v184 = arith.mulf %v180, %v183 fastmath<contract> : vector<16xf32>
        %v185 = arith.mulf %v184, %cst_15 fastmath<contract> : vector<16xf32>
        %v186 = arith.addi %i_2, %c_7 : i64
        %at_10 = arith.index_cast %v186 : i64 to index
        vector.store %v185, %exp_nonpositive_0[%at_10] : memref<70xf32>, vector<16xf32>
        %v188 = arith.addf %v132, %v185 fastmath<contract> : vector<16xf32>
        scf.yield %v160, %v188 : vector<16xf32>, vector<16xf32>
      }
      %at_11 = arith.index_cast %v76 : i64 to index
      %at_12 = arith.index_cast %c_10 : i64 to index
      %mask_2 = vector.create_mask %at_12 : vector<16xi1>
      %zero_2 = arith.constant dense<0.0> : vector<16xf16>
      %v193 = vector.maskedload %x[%at_11], %mask_2, %zero_2 : memref<700xf16>, vector<16xi1>, vector<16xf16> into vector<16xf16>
      %v194 = arith.extf %v193 : vector<16xf16> to vector<16xf32>
      %v195 = arith.subf %v194, %v128 fastmath<contract> : vector<16xf32>
      %v196 = arith.cmpf olt, %v195, %cst_3 : vector<16xf32>
      %v197 = arith.select %v196, %cst_3, %v195 : vector<16xi1>, vector<16xf32>
      %v198 = math.fma %v197, %cst_4, %cst_5 : vector<16xf32>
      %v199 = arith.subf %v198, %cst_5 fastmath<contract> : vector<16xf32>
      %v200 = math.fma %v199, %cst_6, %v197 : vector<16xf32>
      %v201 = math.fma %v199, %cst_7, %v200 : vector<16xf32>
      %v202 = arith.bitcast %v198 : vector<16xf32> to vector<16xi32>
      %v203 = math.fma %cst_8, %v201, %cst_9 : vector<16xf32>
      %v204 = math.fma %v203, %v201, %cst_10 : vector<16xf32>
      %v205 = math.fma %v204, %v201, %cst_11 : vector<16xf32>
      %v206 = math.fma %v205, %v201, %cst_12 : vector<16xf32>
      %v207 = math.fma %v206, %v201, %cst_13 : vector<16xf32>
      %v208 = arith.mulf %v201, %v201 fastmath<contract> : vector<16xf32>
      %v209 = math.fma %v207, %v208, %v201 : vector<16xf32>
      %v210 = arith.addf %v209, %cst_14 fastmath<contract> : vector<16xf32>
      %v211 = arith.subi %v202, %c_12 : vector<16xi32>
      %v212 = arith.shli %v211, %c_13 : vector<16xi32>
      %v213 = arith.bitcast %v212 : vector<16xi32> to vector<16xf32>
      %v214 = arith.mulf %v210, %v213 fastmath<contract> : vector<16xf32>
      %v215 = arith.mulf %v214, %cst_15 fastmath<contract> : vector<16xf32>
      %at_13 = arith.index_cast %c_11 : i64 to index
      %at_14 = arith.index_cast %c_10 : i64 to index
      %mask_3 = vector.create_mask %at_14 : vector<16xi1>
      vector.maskedstore %exp_nonpositive_0[%at_13], %mask_3, %v215 : memref<70xf32>, vector<16xi1>, vector<16xf32>
      %v219 = arith.select %v24, %v215, %cst_2 : vector<16xi1>, vector<16xf32>
      %v220 = arith.addf %carried#0, %v219 fastmath<contract> : vector<16xf32>
      %v221 = arith.addf %v220, %carried#1 fastmath<contract> : vector<16xf32>
      %v222 = vector.extract_strided_slice %v221 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v223 = vector.extract_strided_slice %v221 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v224 = arith.addf %v222, %v223 fastmath<contract> : vector<8xf32>
      %v225 = vector.extract_strided_slice %v224 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v226 = vector.extract_strided_slice %v224 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v227 = arith.addf %v225, %v226 fastmath<contract> : vector<4xf32>
      %v228 = vector.extract %v227[0] : f32 from vector<4xf32>
      %v229 = vector.extract %v227[1] : f32 from vector<4xf32>
      %v230 = vector.extract %v227[2] : f32 from vector<4xf32>
      %v231 = vector.extract %v227[3] : f32 from vector<4xf32>
      %v232 = arith.addf %v228, %v230 fastmath<contract> : f32
      %v233 = arith.addf %v229, %v231 fastmath<contract> : f32
      %v234 = arith.addf %v232, %v233 fastmath<contract> : f32
      %at_15 = arith.index_cast %c : i64 to index
      %v236 = vector.load %exp_nonpositive_0[%at_15] : memref<70xf32>, vector<16xf32>
      %v237 = vector.broadcast %v234 : f32 to vector<16xf32>
      %v238 = arith.divf %v236, %v237 : vector<16xf32>
      %v239 = arith.truncf %v238 : vector<16xf32> to vector<16xf16>
      %at_16 = arith.index_cast %v44 : i64 to index
      vector.store %v239, %out[%at_16] : memref<700xf16>, vector<16xf16>
      %at_17 = arith.index_cast %c_7 : i64 to index
      %v242 = vector.load %exp_nonpositive_0[%at_17] : memref<70xf32>, vector<16xf32>
      %v243 = arith.divf %v242, %v237 : vector<16xf32>
      %v244 = arith.truncf %v243 : vector<16xf32> to vector<16xf16>
      %at_18 = arith.index_cast %v52 : i64 to index
      vector.store %v244, %out[%at_18] : memref<700xf16>, vector<16xf16>
      %at_19 = arith.index_cast %c_8 : i64 to index
      %v247 = vector.load %exp_nonpositive_0[%at_19] : memref<70xf32>, vector<16xf32>
      %v248 = arith.divf %v247, %v237 : vector<16xf32>
      %v249 = arith.truncf %v248 : vector<16xf32> to vector<16xf16>
      %at_20 = arith.index_cast %v60 : i64 to index
      vector.store %v249, %out[%at_20] : memref<700xf16>, vector<16xf16>
      %at_21 = arith.index_cast %c_9 : i64 to index
      %v252 = vector.load %exp_nonpositive_0[%at_21] : memref<70xf32>, vector<16xf32>
      %v253 = arith.divf %v252, %v237 : vector<16xf32>
      %v254 = arith.truncf %v253 : vector<16xf32> to vector<16xf16>
      %at_22 = arith.index_cast %v68 : i64 to index
      vector.store %v254, %out[%at_22] : memref<700xf16>, vector<16xf16>
      %at_23 = arith.index_cast %c_11 : i64 to index
      %at_24 = arith.index_cast %c_10 : i64 to index
      %mask_4 = vector.create_mask %at_24 : vector<16xi1>
      %zero_3 = arith.constant dense<0.0> : vector<16xf32>
      %v260 = vector.maskedload %exp_nonpositive_0[%at_23], %mask_4, %zero_3 : memref<70xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
      %v261 = arith.divf %v260, %v237 : vector<16xf32>
      %v262 = arith.truncf %v261 : vector<16xf32> to vector<16xf16>
      %at_25 = arith.index_cast %v76 : i64 to index
      %at_26 = arith.index_cast %c_10 : i64 to index
      %mask_5 = vector.create_mask %at_26 : vector<16xi1>
      vector.maskedstore %out[%at_25], %mask_5, %v262 : memref<700xf16>, vector<16xi1>, vector<16xf16>
    }
    return
  }

  func.func private @softmax_body0(%data: !llvm.ptr) {
    %thread_i32_9 = llvm.call @omp_get_thread_num() : () -> i32
    %thread10 = arith.extsi %thread_i32_9 : i32 to i64
    %threads_i32_11 = llvm.call @omp_get_num_threads() : () -> i32
    %threads12 = arith.extsi %threads_i32_11 : i32 to i64
    %cores13 = arith.constant 4 : i64
    %one14 = arith.constant 1 : i64
    %t15 = arith.muli %cores13, %thread10 : i64
    %bound16 = arith.divsi %t15, %threads12 : i64
    %t17 = arith.addi %thread10, %one14 : i64
    %t18 = arith.muli %cores13, %t17 : i64
    %bound19 = arith.divsi %t18, %threads12 : i64
    %at20 = llvm.getelementptr %data[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p21 = llvm.load %at20 : !llvm.ptr -> !llvm.ptr
    %d22 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d23 = llvm.insertvalue %p21, %d22[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d24 = llvm.insertvalue %p21, %d23[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m25 = builtin.unrealized_conversion_cast %d24 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<700xf16>
    %at26 = llvm.getelementptr %data[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p27 = llvm.load %at26 : !llvm.ptr -> !llvm.ptr
    %d28 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d29 = llvm.insertvalue %p27, %d28[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d30 = llvm.insertvalue %p27, %d29[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m31 = builtin.unrealized_conversion_cast %d30 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<700xf16>
    scf.for %core = %bound16 to %bound19 step %one14 : i64 {
      func.call @softmax_kernel(%m25, %m31, %core) : (memref<700xf16>, memref<700xf16>, i64) -> ()
    }
    return
  }

  func.func @softmax(%buffers: !llvm.ptr) -> i32 {
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
    %body32 = func.constant @softmax_body0 : (!llvm.ptr) -> ()
    %t33 = builtin.unrealized_conversion_cast %body32 : (!llvm.ptr) -> () to !llvm.ptr
    %t34 = arith.constant 0 : i32
    llvm.call @GOMP_parallel(%t33, %data2, %t34, %t34) : (!llvm.ptr, !llvm.ptr, i32, i32) -> ()
    %ok = arith.constant 0 : i32
    return %ok : i32
  }
}
