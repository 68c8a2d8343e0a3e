module {
  llvm.func @GOMP_parallel(!llvm.ptr, !llvm.ptr, i32, i32)
  llvm.func @omp_get_thread_num() -> i32
  llvm.func @omp_get_num_threads() -> i32
  llvm.func @omp_get_max_threads() -> i32

  // One block of memory stays between calls, so that its pages are touched once. A second call at
  // the same time finds none and takes its own. The first 64 bytes hold the block's size.
  llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr
  llvm.func @free(!llvm.ptr)
  llvm.mlir.global internal @spare() {addr_space = 0 : i32} : i64 {
    %zero = llvm.mlir.constant(0 : i64) : i64
    llvm.return %zero : i64
  }
  func.func private @take_block(%bytes: i64) -> !llvm.ptr {
    %zero = arith.constant 0 : i64
    %header = arith.constant 64 : i64
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %old = llvm.atomicrmw xchg %spare, %zero acq_rel : !llvm.ptr, i64
    %block = llvm.inttoptr %old : i64 to !llvm.ptr
    %some = arith.cmpi ne, %old, %zero : i64
    %fits = scf.if %some -> (i1) {
      %size = llvm.load %block : !llvm.ptr -> i64
      %enough = arith.cmpi sge, %size, %bytes : i64
      scf.yield %enough : i1
    } else {
      %no = arith.constant false
      scf.yield %no : i1
    }
    %taken = scf.if %fits -> (!llvm.ptr) {
      scf.yield %block : !llvm.ptr
    } else {
      llvm.call @free(%block) : (!llvm.ptr) -> ()
      %all = arith.addi %bytes, %header : i64
      %new = llvm.call @aligned_alloc(%header, %all) : (i64, i64) -> !llvm.ptr
      %address = llvm.ptrtoint %new : !llvm.ptr to i64
      %made = arith.cmpi ne, %address, %zero : i64
      scf.if %made {
        llvm.store %bytes, %new : i64, !llvm.ptr
      }
      scf.yield %new : !llvm.ptr
    }
    return %taken : !llvm.ptr
  }
  func.func private @give_block(%block: !llvm.ptr) {
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %address = llvm.ptrtoint %block : !llvm.ptr to i64
    %old = llvm.atomicrmw xchg %spare, %address acq_rel : !llvm.ptr, i64
    %other = llvm.inttoptr %old : i64 to !llvm.ptr
    llvm.call @free(%other) : (!llvm.ptr) -> ()
    return
  }

  func.func private @softmax_kernel(
      %x: memref<400000xf32> {llvm.noalias},
      %out: memref<400000xf32> {llvm.noalias},
      %exp_nonpositive_0: memref<100000xf32> {llvm.noalias},
      %core: i64) {
    %c = arith.constant 0 : i64
    %c_2 = arith.constant 1 : i64
    %cst = arith.constant dense<0xFF800000> : vector<16xf32>
    %c_3 = arith.constant 99968 : i64
    %c_4 = arith.constant 100000 : i64
    %v9 = arith.muli %core, %c_4 : i64
    %c_5 = arith.constant 16 : i64
    %c_6 = arith.constant 32 : i64
    %c_7 = arith.constant 48 : i64
    %c_8 = arith.constant 99984 : i64
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
    %c_9 = arith.constant dense<1262485353> : vector<16xi32>
    %c_10 = arith.constant dense<23> : vector<16xi32>
    %cst_15 = arith.constant dense<5.9604645e-08> : vector<16xf32>
    %c1 = arith.constant 1 : i64
    scf.for %i = %c to %c_2 step %c1 : i64 {
      %v32 = arith.muli %i, %c_4 : i64
      %v33 = arith.addi %v9, %v32 : i64
      %c64 = arith.constant 64 : i64
      %carried:4 = scf.for %i_2 = %c to %c_3 step %c64 iter_args(%v36 = %cst, %v37 = %cst, %v38 = %cst, %v39 = %cst) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) : i64 {
        %v41 = arith.addi %v33, %i_2 : i64
        %at = arith.index_cast %v41 : i64 to index
        %v43 = vector.load %x[%at] : memref<400000xf32>, vector<16xf32>
        %v44 = arith.cmpf ogt, %v36, %v43 : vector<16xf32>
        %v45 = arith.select %v44, %v36, %v43 : vector<16xi1>, vector<16xf32>
        %v46 = arith.cmpf une, %v36, %v36 : vector<16xf32>
        %v47 = arith.select %v46, %v36, %v45 : vector<16xi1>, vector<16xf32>
        %v48 = arith.addi %v41, %c_5 : i64
        %at_2 = arith.index_cast %v48 : i64 to index
        %v50 = vector.load %x[%at_2] : memref<400000xf32>, vector<16xf32>
        %v51 = arith.cmpf ogt, %v37, %v50 : vector<16xf32>
        %v52 = arith.select %v51, %v37, %v50 : vector<16xi1>, vector<16xf32>
        %v53 = arith.cmpf une, %v37, %v37 : vector<16xf32>
        %v54 = arith.select %v53, %v37, %v52 : vector<16xi1>, vector<16xf32>
        %v55 = arith.addi %v41, %c_6 : i64
        %at_3 = arith.index_cast %v55 : i64 to index
        %v57 = vector.load %x[%at_3] : memref<400000xf32>, vector<16xf32>
        %v58 = arith.cmpf ogt, %v38, %v57 : vector<16xf32>
        %v59 = arith.select %v58, %v38, %v57 : vector<16xi1>, vector<16xf32>
        %v60 = arith.cmpf une, %v38, %v38 : vector<16xf32>
        %v61 = arith.select %v60, %v38, %v59 : vector<16xi1>, vector<16xf32>
        %v62 = arith.addi %v41, %c_7 : i64
        %at_4 = arith.index_cast %v62 : i64 to index
        %v64 = vector.load %x[%at_4] : memref<400000xf32>, vector<16xf32>
        %v65 = arith.cmpf ogt, %v39, %v64 : vector<16xf32>
        %v66 = arith.select %v65, %v39, %v64 : vector<16xi1>, vector<16xf32>
        %v67 = arith.cmpf une, %v39, %v39 : vector<16xf32>
        %v68 = arith.select %v67, %v39, %v66 : vector<16xi1>, vector<16xf32>
        scf.yield %v47, %v54, %v61, %v68 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>
      }
      %v69 = arith.addi %v33, %c_3 : i64
      %at_5 = arith.index_cast %v69 : i64 to index
      %v71 = vector.load %x[%at_5] : memref<400000xf32>, vector<16xf32>
      %v72 = arith.cmpf ogt, %carried#0, %v71 : vector<16xf32>
      %v73 = arith.select %v72, %carried#0, %v71 : vector<16xi1>, vector<16xf32>
      %v74 = arith.cmpf une, %carried#0, %carried#0 : vector<16xf32>
      %v75 = arith.select %v74, %carried#0, %v73 : vector<16xi1>, vector<16xf32>
      %v76 = arith.addi %v33, %c_8 : i64
      %at_6 = arith.index_cast %v76 : i64 to index
      %v78 = vector.load %x[%at_6] : memref<400000xf32>, vector<16xf32>
      %v79 = arith.cmpf ogt, %carried#1, %v78 : vector<16xf32>
      %v80 = arith.select %v79, %carried#1, %v78 : vector<16xi1>, vector<16xf32>
      %v81 = arith.cmpf une, %carried#1, %carried#1 : vector<16xf32>
      %v82 = arith.select %v81, %carried#1, %v80 : vector<16xi1>, vector<16xf32>
      %v83 = arith.cmpf ogt, %v75, %v82 : vector<16xf32>
      %v84 = arith.select %v83, %v75, %v82 : vector<16xi1>, vector<16xf32>
      %v85 = arith.cmpf une, %v75, %v75 : vector<16xf32>
      %v86 = arith.select %v85, %v75, %v84 : vector<16xi1>, vector<16xf32>
      %v87 = arith.cmpf ogt, %carried#2, %carried#3 : vector<16xf32>
      %v88 = arith.select %v87, %carried#2, %carried#3 : vector<16xi1>, vector<16xf32>
      %v89 = arith.cmpf une, %carried#2, %carried#2 : vector<16xf32>
      %v90 = arith.select %v89, %carried#2, %v88 : vector<16xi1>, vector<16xf32>
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
      %carried_2:2 = scf.for %i_3 = %c to %c_4 step %c32 iter_args(%v126 = %cst_2, %v127 = %cst_2) -> (vector<16xf32>, vector<16xf32>) : i64 {
        %v129 = arith.addi %v33, %i_3 : i64
        %at_7 = arith.index_cast %v129 : i64 to index
        %v131 = vector.load %x[%at_7] : memref<400000xf32>, vector<16xf32>
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
        %v148 = arith.subi %v139, %c_9 : vector<16xi32>
        %v149 = arith.shli %v148, %c_10 : vector<16xi32>
        %v150 = arith.bitcast %v149 : vector<16xi32> to vector<16xf32>
        %v151 = arith.mulf %v147, %v150 fastmath<contract> : vector<16xf32>
        %v152 = arith.mulf %v151, %cst_15 fastmath<contract> : vector<16xf32>
        %at_8 = arith.index_cast %i_3 : i64 to index
        vector.store %v152, %exp_nonpositive_0[%at_8] : memref<100000xf32>, vector<16xf32>
        %v154 = arith.addf %v126, %v152 fastmath<contract> : vector<16xf32>
        %v155 = arith.addi %v129, %c_5 : i64
        %at_9 = arith.index_cast %v155 : i64 to index
        %v157 = vector.load %x[%at_9] : memref<400000xf32>, vector<16xf32>
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
        %v174 = arith.subi %v165, %c_9 : vector<16xi32>
        %v175 = arith.shli %v174, %c_10 : vector<16xi32>
        %v176 = arith.bitcast %v175 : vector<16xi32> to vector<16xf32>
        %v177 = arith.mulf %v173, %v176 fastmath<contract> : vector<16xf32>
        %v178 = arith.mulf %v177, %cst_15 fastmath<contract> : vector<16xf32>
        %v179 = arith.addi %i_3, %c_5 : i64
        %at_10 = arith.index_cast %v179 : i64 to index
        vector.store %v178, %exp_nonpositive_0[%at_10] : memref<100000xf32>, vector<16xf32>
        %v181 = arith.addf %v127, %v178 fastmath<contract> : vector<16xf32>
        scf.yield %v154, %v181 : vector<16xf32>, vector<16xf32>
      }
      %v182 = arith.addf %carried_2#0, %carried_2#1 fastmath<contract> : vector<16xf32>
      %v183 = vector.extract_strided_slice %v182 {offsets = [0], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v184 = vector.extract_strided_slice %v182 {offsets = [8], sizes = [8], strides = [1]} : vector<16xf32> to vector<8xf32>
      %v185 = arith.addf %v183, %v184 fastmath<contract> : vector<8xf32>
      %v186 = vector.extract_strided_slice %v185 {offsets = [0], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v187 = vector.extract_strided_slice %v185 {offsets = [4], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
      %v188 = arith.addf %v186, %v187 fastmath<contract> : vector<4xf32>
      %v189 = vector.extract %v188[0] : f32 from vector<4xf32>
      %v190 = vector.extract %v188[1] : f32 from vector<4xf32>
      %v191 = vector.extract %v188[2] : f32 from vector<4xf32>
      %v192 = vector.extract %v188[3] : f32 from vector<4xf32>
      %v193 = arith.addf %v189, %v191 fastmath<contract> : f32
      %v194 = arith.addf %v190, %v192 fastmath<contract> : f32
      %v195 = arith.addf %v193, %v194 fastmath<contract> : f32
      %v196 = vector.broadcast %v195 : f32 to vector<16xf32>
      %c64_2 = arith.constant 64 : i64
      scf.for %i_4 = %c to %c_3 step %c64_2 : i64 {
        %at_11 = arith.index_cast %i_4 : i64 to index
        %v200 = vector.load %exp_nonpositive_0[%at_11] : memref<100000xf32>, vector<16xf32>
        %v201 = arith.divf %v200, %v196 : vector<16xf32>
        %v202 = arith.addi %v33, %i_4 : i64
        %at_12 = arith.index_cast %v202 : i64 to index
        vector.store %v201, %out[%at_12] : memref<400000xf32>, vector<16xf32>
        %v204 = arith.addi %i_4, %c_5 : i64
        %at_13 = arith.index_cast %v204 : i64 to index
        %v206 = vector.load %exp_nonpositive_0[%at_13] : memref<100000xf32>, vector<16xf32>
        %v207 = arith.divf %v206, %v196 : vector<16xf32>
        %v208 = arith.addi %v202, %c_5 : i64
        %at_14 = arith.index_cast %v208 : i64 to index
        vector.store %v207, %out[%at_14] : memref<400000xf32>, vector<16xf32>
        %v210 = arith.addi %i_4, %c_6 : i64
        %at_15 = arith.index_cast %v210 : i64 to index
        %v212 = vector.load %exp_nonpositive_0[%at_15] : memref<100000xf32>, vector<16xf32>
        %v213 = arith.divf %v212, %v196 : vector<16xf32>
        %v214 = arith.addi %v202, %c_6 : i64
        %at_16 = arith.index_cast %v214 : i64 to index
        vector.store %v213, %out[%at_16] : memref<400000xf32>, vector<16xf32>
        %v216 = arith.addi %i_4, %c_7 : i64
        %at_17 = arith.index_cast %v216 : i64 to index
        %v218 = vector.load %exp_nonpositive_0[%at_17] : memref<100000xf32>, vector<16xf32>
        %v219 = arith.divf %v218, %v196 : vector<16xf32>
        %v220 = arith.addi %v202, %c_7 : i64
        %at_18 = arith.index_cast %v220 : i64 to index
        vector.store %v219, %out[%at_18] : memref<400000xf32>, vector<16xf32>
      }
      %at_19 = arith.index_cast %c_3 : i64 to index
      %v223 = vector.load %exp_nonpositive_0[%at_19] : memref<100000xf32>, vector<16xf32>
      %v224 = arith.divf %v223, %v196 : vector<16xf32>
      %at_20 = arith.index_cast %v69 : i64 to index
      vector.store %v224, %out[%at_20] : memref<400000xf32>, vector<16xf32>
      %at_21 = arith.index_cast %c_8 : i64 to index
      %v227 = vector.load %exp_nonpositive_0[%at_21] : memref<100000xf32>, vector<16xf32>
      %v228 = arith.divf %v227, %v196 : vector<16xf32>
      %at_22 = arith.index_cast %v76 : i64 to index
      vector.store %v228, %out[%at_22] : memref<400000xf32>, vector<16xf32>
    }
    return
  }

  func.func private @softmax_body0(%data: !llvm.ptr) {
    %thread_i32_18 = llvm.call @omp_get_thread_num() : () -> i32
    %thread19 = arith.extsi %thread_i32_18 : i32 to i64
    %threads_i32_20 = llvm.call @omp_get_num_threads() : () -> i32
    %threads21 = arith.extsi %threads_i32_20 : i32 to i64
    %cores22 = arith.constant 4 : i64
    %one23 = arith.constant 1 : i64
    %t24 = arith.muli %cores22, %thread19 : i64
    %bound25 = arith.divsi %t24, %threads21 : i64
    %t26 = arith.addi %thread19, %one23 : i64
    %t27 = arith.muli %cores22, %t26 : i64
    %bound28 = arith.divsi %t27, %threads21 : i64
    %at29 = llvm.getelementptr %data[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p30 = llvm.load %at29 : !llvm.ptr -> !llvm.ptr
    %d31 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d32 = llvm.insertvalue %p30, %d31[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d33 = llvm.insertvalue %p30, %d32[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m34 = builtin.unrealized_conversion_cast %d33 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<400000xf32>
    %at35 = llvm.getelementptr %data[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p36 = llvm.load %at35 : !llvm.ptr -> !llvm.ptr
    %d37 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d38 = llvm.insertvalue %p36, %d37[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d39 = llvm.insertvalue %p36, %d38[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m40 = builtin.unrealized_conversion_cast %d39 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<400000xf32>
    %at41 = llvm.getelementptr %data[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p42 = llvm.load %at41 : !llvm.ptr -> !llvm.ptr
    %each43 = arith.constant 400000 : i64
    %t44 = arith.muli %thread19, %each43 : i64
    %p45 = llvm.getelementptr %p42[%t44] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %p46 = llvm.getelementptr %p45[0] : (!llvm.ptr) -> !llvm.ptr, i8
    %d47 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d48 = llvm.insertvalue %p46, %d47[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %d49 = llvm.insertvalue %p46, %d48[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %m50 = builtin.unrealized_conversion_cast %d49 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<100000xf32>
    scf.for %core = %bound25 to %bound28 step %one23 : i64 {
      func.call @softmax_kernel(%m34, %m40, %m50, %core) : (memref<400000xf32>, memref<400000xf32>, memref<100000xf32>, i64) -> ()
    }
    return
  }

  func.func @softmax(%buffers: !llvm.ptr) -> i32 {
    %c1 = arith.constant 1 : i64
    %data2 = llvm.alloca %c1 x !llvm.array<3 x ptr> : (i64) -> !llvm.ptr
    %fixed3 = arith.constant 0 : i64
    %threads4 = llvm.call @omp_get_max_threads() : () -> i32
    %t5 = arith.extsi %threads4 : i32 to i64
    %each6 = arith.constant 400000 : i64
    %t7 = arith.muli %t5, %each6 : i64
    %bytes8 = arith.addi %fixed3, %t7 : i64
    %block9 = func.call @take_block(%bytes8) : (i64) -> !llvm.ptr
    %block_address = llvm.ptrtoint %block9 : !llvm.ptr to i64
    %nowhere = arith.constant 0 : i64
    %allocated = arith.cmpi ne, %block_address, %nowhere : i64
    %status = scf.if %allocated -> (i32) {
      %at10 = llvm.getelementptr %buffers[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p11 = llvm.load %at10 : !llvm.ptr -> !llvm.ptr
      %at12 = llvm.getelementptr %data2[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p11, %at12 : !llvm.ptr, !llvm.ptr
      %at13 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %p14 = llvm.load %at13 : !llvm.ptr -> !llvm.ptr
      %at15 = llvm.getelementptr %data2[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p14, %at15 : !llvm.ptr, !llvm.ptr
      %p16 = llvm.getelementptr %block9[64] : (!llvm.ptr) -> !llvm.ptr, i8
      %at17 = llvm.getelementptr %data2[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      llvm.store %p16, %at17 : !llvm.ptr, !llvm.ptr
      %body51 = func.constant @softmax_body0 : (!llvm.ptr) -> ()
      %t52 = builtin.unrealized_conversion_cast %body51 : (!llvm.ptr) -> () to !llvm.ptr
      %t53 = arith.constant 0 : i32
      llvm.call @GOMP_parallel(%t52, %data2, %t53, %t53) : (!llvm.ptr, !llvm.ptr, i32, i32) -> ()
      func.call @give_block(%block9) : (!llvm.ptr) -> ()
      %ok = arith.constant 0 : i32
      scf.yield %ok : i32
    } else {
      %bad = arith.constant 1 : i32
      scf.yield %bad : i32
    }
    return %status : i32
  }
}
